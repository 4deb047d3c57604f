const {readFileSync} = require('fs')
require('https').createServer({key: readFileSync(process.env.TLS_KEY), cert: readFileSync(process.env.TLS_CERT)},
  (_, res) => res.end('node ' + process.pid + '\n')).listen(+process.env.PORT)
