// Opens its port with SO_REUSEPORT, beside that of the process that it replaces.
const server = Bun.serve({port: +process.env.PORT, hostname: '127.0.0.1', reusePort: true, fetch: () => new Response('bun ' + process.pid + '\n')})
process.on('SIGINT', async () => { await server.stop(); process.exit(0) })
process.send?.('ready')
