// Drives npm's pm2 as a program does that loads it: calls methods one after the other, and prints what their callbacks get.
const pm2 = require(process.env.PM2_MODULE)

const fault = e => e instanceof Error ? 'Error: ' + e.message : e && e.msg ? 'msg: ' + e.msg : e === null ? 'null' : typeof e === 'object' ? JSON.stringify(e) : String(e)
// brief is what a record has that does not change from run to run.
const brief = p => {
  const e = p.pm2_env || p
  return [p.name || e.name, 'id', p.pm_id ?? e.pm_id, e.status, e.exec_mode, 'restarts', e.restart_time, 'instances', e.instances, 'pid', typeof (p.pid ?? (p.process || {}).pid)].join(' ')
}
const id = p => p && (p.pm_id ?? (p.pm2_env || {}).pm_id)
const show = v => {
  if (Buffer.isBuffer(v)) return 'bytes'
  if (Array.isArray(v) && v.length && v.every(p => id(p) !== undefined)) v = [...v].sort((a, b) => String(id(a)) < String(id(b)) ? -1 : 1) // done side by side
  if (Array.isArray(v)) return '[' + v.map(show).join(', ') + ']'
  if (v && typeof v === 'object' && (v.pm2_env || v.pm_id !== undefined && v.status)) return '{' + brief(v) + '}'
  if (v && typeof v === 'object') return JSON.stringify(v)
  return String(v)
}
// call prints what the callback gets, and returns it.
const call = (method, ...args) => new Promise(done => {
  pm2[method](...args, (err, ...rest) => {
    console.log(method + ':', err ? fault(err) : 'ok', rest.map(show).join(' | '))
    done(rest[0])
  })
})
const until = async (what, test) => {
  for (let i = 0; i < 600; i++) {
    if (await test()) return
    await new Promise(r => setTimeout(r, 25))
  }
  console.log('in vain:', what)
}
// records are those of the list, without printing it.
const records = () => new Promise((done, no) => pm2.list((e, l) => e ? no(e) : done(l)))
const status = (name, want) => until(name + ' ' + want, async () => {
  const all = (await records()).filter(p => p.name === name)
  return all.length && all.every(p => p.pm2_env.status === want)
})
// drive connects, runs the steps, and lets go.
const drive = steps => pm2.connect(async err => {
  if (err) return console.log('connect:', fault(err))
  try {
    await steps({ pm2, call, until, records, status, show })
  } catch (e) {
    console.log('thrown:', fault(e))
  }
  pm2.disconnect()
})
module.exports = drive
