(() => {
  'use strict'
  const form = document.getElementById('join')
  if (!form) return
  const button = form.querySelector('button')
  const status = document.getElementById('status')
  const note = status.textContent
  const fresh = 9 * 60 * 1000
  let born = Date.now(), proof = null, busy = false

  const K = new Uint32Array(64), H = new Uint32Array(8)
  for (let n = 2, i = 0; i < 64; n++) {
    let prime = true
    for (let f = 2; f * f <= n; f++) if (n % f === 0) prime = false
    if (!prime) continue
    const part = (x) => (x - Math.floor(x)) * 4294967296
    if (i < 8) H[i] = part(Math.sqrt(n))
    K[i++] = part(Math.cbrt(n))
  }
  const w = new Uint32Array(64)
  const round = (h, block) => {
    for (let i = 0; i < 16; i++) w[i] = block[i]
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15], y = w[i - 2]
      w[i] = w[i - 16] + w[i - 7] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) +
        ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10)
    }
    let [a, b, c, d, e, f, g, k] = h
    for (let i = 0; i < 64; i++) {
      const t = k + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (e & f ^ ~e & g) + K[i] + w[i] | 0
      const u = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b ^ a & c ^ b & c) | 0
      k = g; g = f; f = e; e = d + t | 0; d = c; c = b; b = a; a = t + u | 0
    }
    return [h[0] + a | 0, h[1] + b | 0, h[2] + c | 0, h[3] + d | 0, h[4] + e | 0, h[5] + f | 0, h[6] + g | 0, h[7] + k | 0]
  }
  const hash = (text) => {
    const bytes = new Uint8Array(((text.length + 8 >> 6) + 1) * 64)
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
    bytes[text.length] = 128
    const view = new DataView(bytes.buffer)
    view.setUint32(bytes.length - 4, text.length * 8)
    let h = [...H]
    for (let at = 0; at < bytes.length; at += 64) h = round(h, Array.from({ length: 16 }, (_, i) => view.getUint32(at + 4 * i)))
    return h
  }

  const solve = (token, bits) => new Promise((done) => {
    const block = [...hash(token), 0, 0, 2147483648, 0, 0, 0, 0, 320], start = [...H]
    let n = 0
    const step = () => {
      for (const until = Date.now() + 12; Date.now() < until;) {
        for (let i = 0; i < 200; i++, n++) {
          block[9] = n
          if (round(start, block)[0] >>> 32 - bits === 0) return done(String(n))
        }
      }
      setTimeout(step)
    }
    step()
  })
  const prove = () => proof ??= solve(form.elements.token.value, Number(form.dataset.bits))

  const renew = async () => {
    const answer = await fetch('token', { cache: 'no-store' })
    if (!answer.ok) throw new Error(answer.status)
    form.elements.token.value = (await answer.text()).trim()
    born = Date.now()
    proof = null
  }
  const rest = (text) => {
    busy = false
    button.removeAttribute('aria-disabled')
    form.classList.remove('busy')
    status.textContent = text
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    if (busy) return
    busy = true
    button.setAttribute('aria-disabled', 'true')
    form.classList.add('busy')
    status.textContent = status.dataset.working
    try {
      if (Date.now() - born > fresh) await renew()
      form.elements.proof.value = await prove()
      form.submit()
      // Who is still here after a while may press again, which takes another token.
      born = 0
      setTimeout(rest, 8000, note)
    } catch {
      rest(status.dataset.failed)
    }
  })
  addEventListener('pageshow', (event) => { if (event.persisted) location.reload() })
  setTimeout(prove, 50)
})()
