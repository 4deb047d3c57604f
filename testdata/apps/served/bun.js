// A server that takes a socket that was opened for it, by systemd's convention, which Bun does for plain connections only
// (Bun.serve and node:http open their own), and finishes what it began when asked to end.
const net = require('net')
const open = new Set()
let ending = false
const body = 'bun ' + process.pid + '\n'
const server = net.createServer(socket => {
  let text = ''
  open.add(socket)
  socket.on('data', chunk => {
    text += chunk
    for (let end; (end = text.indexOf('\r\n\r\n')) >= 0;) {
      text = text.slice(end + 4)
      const answer = 'HTTP/1.1 200 OK\r\nContent-Length: ' + body.length + (ending ? '\r\nConnection: close' : '') + '\r\n\r\n' + body
      if (ending) return socket.end(answer)
      socket.write(answer)
    }
  })
  socket.on('error', () => {})
  socket.on('close', () => { open.delete(socket); if (ending && open.size === 0) process.exit(0) })
})
server.listen({fd: 3}, () => process.send?.('ready'))
process.on('SIGINT', () => {
  ending = true
  server.close()
  setTimeout(() => { if (open.size === 0) process.exit(0) }, 50)
})
