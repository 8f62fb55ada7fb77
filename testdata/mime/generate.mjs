// Writes projects/site/mime.tsv from the package mime-db, which follows IANA's registry, Apache and nginx:
//
//	cd testdata/mime && npm ci && node generate.mjs
//
// A line is an extension, its type, and "c" where files of that type shrink when they are compressed. Where several types
// name an extension, the one that the package mime-score prefers is taken.
import { createRequire } from 'node:module'
import { writeFileSync } from 'node:fs'
import mimeScore from 'mime-score'

const db = createRequire(import.meta.url)('mime-db')
const types = {}
for (const [type, { extensions = [], source }] of Object.entries(db)) {
	for (const extension of extensions) {
		const other = types[extension]
		if (!other || mimeScore(type, source) > mimeScore(other, db[other].source)) types[extension] = type
	}
}
const lines = Object.keys(types).sort().map(e => [e, types[e], ...(db[types[e]].compressible ? ['c'] : [])].join('\t'))
writeFileSync(new URL('../../projects/site/mime.tsv', import.meta.url), lines.join('\n') + '\n')
