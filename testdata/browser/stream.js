// Opens a WebSocket and an event stream beside the page and keeps account of them in window.stream.
window.stream = { echoes: [], events: [], faults: [] };
{
  const address = new URL("ws", location.href);
  address.protocol = location.protocol.replace("http", "ws");
  const socket = new WebSocket(address);
  socket.onmessage = (e) => stream.echoes.push(e.data);
  socket.onclose = (e) => stream.faults.push(`the WebSocket was closed: ${e.code} ${e.reason}`);
  stream.open = () => socket.readyState === WebSocket.OPEN;
  stream.say = (text) => socket.send(text);

  const source = new EventSource("sse?n=10000&ms=50");
  source.onmessage = (e) => stream.events.push(Number(e.data));
  // A stream that breaks connects anew by itself, and then counts from 0 again.
  source.onerror = () => stream.faults.push("the event stream broke");
}
