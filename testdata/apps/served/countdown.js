// Serves, and when it is asked to end finishes what it has begun. Then it says how many requests it began and answered.
const http = require('http')
const fs = require('fs')
let begun = 0
let answered = 0
const server = http.createServer((request, response) => {
  begun++
  setTimeout(() => response.end('pid ' + process.pid, () => answered++), 10)
})
server.listen(process.env.PORT, '127.0.0.1')
let asked = false
process.on('SIGINT', () => {
  if (asked) return
  asked = true
  server.close(() => {
    fs.appendFileSync(process.env.COUNTS, `${process.pid} ${begun} ${answered}\n`)
    process.exit(0)
  })
})
