const fs = require('fs'), url = require('url')
const [file, marker] = process.argv.splice(1, 2)
const readsTypes = process.features.typescript || process.execArgv.includes('--experimental-strip-types')
process.execArgv.length = 0
const write = text => {
  const data = Buffer.from(text)
  for (let at = 0; at < data.length;) {
    try {
      at += fs.writeSync(1, data, at)
    } catch (e) {
      if (e.code !== 'EAGAIN') throw e
    }
  }
}
// In an env section a date or a pattern is the text of its JSON, as in PM2's, and a number that is none is nothing.
const sections = new WeakSet()
const plain = function (k, v) {
  const own = this[k]
  if (sections.has(this)) {
    if (own instanceof Date || own instanceof RegExp) return JSON.stringify(own)
    if (typeof own === 'number' && !Number.isFinite(own)) return undefined
  } else if (/^env(_|$)/.test(k) && v && typeof v === 'object') {
    sections.add(v)
  }
  return v instanceof RegExp ? String(v) : typeof v === 'bigint' ? Number(v) : v
}
const answer = a => {
  let text
  try {
    text = JSON.stringify(a, plain)
  } catch (e) {
    text = JSON.stringify({fault: {name: e.name, message: e.message, stack: ''}})
  }
  write(marker + text)
  process.exit(0)
}
// A node that does not read TypeScript itself learns it from what the project has for that.
const learnTypes = async () => {
  const find = name => require.resolve(name, {paths: [require('path').dirname(file)]})
  let tsx
  try {
    tsx = find('tsx')
  } catch {
    return require(find('ts-node/register/transpile-only'))
  }
  await import(url.pathToFileURL(tsx))
}
const load = async () => {
  if (/\.[cm]?ts$/.test(file) && !readsTypes) await learnTypes()
  if (/\.m[jt]s$/.test(file)) return import(url.pathToFileURL(file))
  try {
    return require(file)
  } catch (e) {
    const esm = e.code === 'ERR_REQUIRE_ESM' || e.code === 'ERR_REQUIRE_ASYNC_MODULE'
    if (!esm) throw e
    return import(url.pathToFileURL(file))
  }
}
(async () => {
  try {
    let m = await load()
    if (m && typeof m === 'object' && m.default !== undefined && !('apps' in m)) m = m.default
    if (typeof m === 'function') m = m()
    answer({value: await m})
  } catch (e) {
    const x = e instanceof Error ? e : new Error(String(e))
    answer({fault: {name: String(x.name), message: String(x.message), stack: String(x.stack), code: String(x.code || '')}})
  }
})()
