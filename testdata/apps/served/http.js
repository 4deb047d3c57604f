require('http').createServer((_, res) => res.end('node ' + process.pid + '\n')).listen(+process.env.PORT)
