const fs = require('fs'), url = require('url')
const [file, marker] = process.argv.slice(-2)
process.argv.length = 2
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
const answer = a => {
  let text
  try {
    text = JSON.stringify(a, (k, v) => v instanceof RegExp ? String(v) : typeof v === 'bigint' ? Number(v) : v)
  } catch (e) {
    text = JSON.stringify({fault: {name: e.name, message: e.message, stack: ''}})
  }
  write(marker + text)
  process.exit(0)
}
const load = async () => {
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
