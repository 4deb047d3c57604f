// Runs command lines, one after the other, while it listens to the bus, and prints what it heard of each process, in order.
// Usage: node bus.js COMMAND… ; a command "until N EVENT" waits for N such events.
const { execSync } = require('child_process')
const pm2 = require(process.env.PM2_MODULE)
const heard = {}
let all = []
const nap = ms => new Promise(r => setTimeout(r, ms))
pm2.connect(() => pm2.launchBus(async (err, bus) => {
  bus.on('process:event', e => {
    const p = e.process
    const line = [e.event, p.status, e.manually, 'restarts', p.restart_time, 'code', p.exit_code].join(' ')
    ;(heard[p.name + ' ' + p.pm_id] ||= []).push(line)
    all.push(e.event)
  })
  await nap(200)
  for (const line of process.argv.slice(2)) {
    const [, n, event] = /^until (\d+) (.*)$/.exec(line) || []
    if (!n) {
      try { execSync(line, { stdio: 'ignore' }) } catch (e) { console.log(line, 'exits', e.status) }
      continue
    }
    for (let i = 0; all.filter(e => e === event).length < n; i++) {
      if (i > 600) { console.log('in vain:', line); break }
      await nap(25)
    }
  }
  await nap(500)
  for (const who of Object.keys(heard).sort()) console.log(who + '\n  ' + heard[who].join('\n  '))
  process.exit(0)
}))
