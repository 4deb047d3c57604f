// Deno.serve opens its port itself, and takes no socket that is held: new before old, by SO_REUSEPORT.
const server = Deno.serve({
  port: +Deno.env.get('PORT'), hostname: '127.0.0.1', reusePort: true,
  onListen: () => Deno.writeTextFileSync('/proc/self/fd/' + Deno.env.get('NODE_CHANNEL_FD'), '"ready"\n', {create: false}),
}, () => new Response('deno ' + Deno.pid + '\n'))
Deno.addSignalListener('SIGINT', async () => {
  await server.shutdown()
  Deno.exit(0)
})
