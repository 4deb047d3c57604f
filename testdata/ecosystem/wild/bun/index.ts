Bun.serve({ port: 0, fetch: () => new Response('ok') })
