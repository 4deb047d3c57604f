// Bun.serve opens its port itself, and takes no socket that is held: new before old, by SO_REUSEPORT.
const server = Bun.serve({port: +process.env.PORT, hostname: '127.0.0.1', reusePort: true, fetch: () => new Response('bun ' + process.pid + '\n')})
process.send?.('ready')
process.on('SIGINT', async () => {
  await server.stop()
  process.exit(0)
})
