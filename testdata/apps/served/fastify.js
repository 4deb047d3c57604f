const app = require('fastify')()
app.get('/', async () => 'fastify ' + process.pid + '\n')
app.listen({port: +process.env.PORT, host: '127.0.0.1'})
