const Koa = require('koa')
new Koa().use(ctx => { ctx.body = 'koa ' + process.pid + '\n' }).listen(+process.env.PORT)
