const {readFileSync} = require('fs')
require('http2').createSecureServer({key: readFileSync(process.env.TLS_KEY), cert: readFileSync(process.env.TLS_CERT)},
  (_, res) => res.end('node ' + process.pid + '\n')).listen(+process.env.PORT)
