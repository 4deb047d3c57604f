// Asks the parser that PM2 uses, with the command table that PM2 gives it, what command lines mean.
//
//   node commander.cjs PM2_DIRECTORY table       > the options and commands
//   node commander.cjs PM2_DIRECTORY < lines     > what each line means; lines are arrays of words, one a line
//
// PM2's own program fills the table; its parse is kept from running anything.
const path = require('path')
const fs = require('fs')

const [, , dir, mode] = process.argv
const commander = require(require.resolve('commander', { paths: [dir] }))
const proto = commander.Command.prototype
const write = (v) => fs.writeSync(1, JSON.stringify(v) + '\n')
const mute = () => {}
console.log = console.error = console.warn = mute
process.stdout.write = () => true

let hit
const action = proto.action
proto.action = function () {
  const command = this
  return action.call(this, (...args) => {
    const self = args.pop()
    hit = { command: command._name, args: args.flat().filter((a) => a !== undefined), own: self }
  })
}
const problem = (kind) => (what) => { throw { problem: kind, what: String(what && what.flags || what) } }
proto.missingArgument = problem('missing argument')
proto.optionMissingArgument = problem('option argument missing')
proto.unknownOption = problem('unknown option')
proto.outputHelp = problem('help')
const exit = process.exit
process.exit = problem('exit')

const option = (o) => ({
  long: o.long, short: o.short, value: o.required ? 'one' : o.optional ? 'maybe' : 'none', negated: o.long.startsWith('--no-'),
})

// State that a parse leaves behind, on the program and its commands.
const objects = () => [commander, ...commander.commands]
const values = (o) => {
  const out = {}
  for (const opt of o.options) {
    if (opt.long === '--version') continue
    const name = opt.attributeName()
    if (Object.prototype.hasOwnProperty.call(o, name)) out[opt.long] = o[name]
  }
  return out
}

const parse = proto.parse
proto.parse = function () { setImmediate(work); return this }

function work () {
  proto.parse = parse
  if (mode === 'table') {
    write({
      options: commander.options.map(option),
      commands: commander.commands.map((c) => ({
        name: c._name, alias: c._alias, options: c.options.map(option),
        args: c._args.map((a) => ({ name: a.name, required: a.required, variadic: a.variadic })),
      })),
    })
    return exit(0)
  }
  const lists = { filterEnv: 1, watch: 1 } // they are collected, into the array that is their default
  const clean = objects().map((o) => ({ o, own: { ...o } }))
  for (const line of fs.readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
    for (const { o, own } of clean) {
      for (const key of Object.keys(o)) if (!(key in own)) delete o[key]
      for (const [key, v] of Object.entries(own)) o[key] = Array.isArray(v) && key in lists ? [] : v
    }
    hit = undefined
    const before = JSON.parse(JSON.stringify(values(commander)))
    let answer
    try {
      parse.call(commander, ['node', 'pm2', ...JSON.parse(line)])
      answer = { command: hit && hit.command, args: hit ? hit.args : [], options: {} }
      for (const o of [commander, hit && hit.own].filter((o) => o && o.options)) {
        for (const [name, value] of Object.entries(values(o))) {
          if (o !== commander || JSON.stringify(value) !== JSON.stringify(before[name])) answer.options[name] = value
        }
      }
    } catch (e) {
      if (!e.problem) throw e
      answer = e
    }
    write(answer)
  }
  exit(0)
}

process.argv = [process.argv[0], path.join(dir, 'bin/pm2'), 'list']
require(path.join(dir, 'lib/binaries/CLI.js'))
