// Deno.serve opens its port itself, and takes no socket that is held: new before old, by SO_REUSEPORT.
import process from 'node:process'
const server = Deno.serve({
  port: +Deno.env.get('PORT'), hostname: '127.0.0.1', reusePort: true, onListen: () => process.send?.('ready'),
}, () => new Response('deno ' + Deno.pid + '\n'))
Deno.addSignalListener('SIGINT', async () => {
  await server.shutdown()
  Deno.exit(0)
})
