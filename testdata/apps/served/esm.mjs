import {createServer} from 'node:http'
await new Promise(done => setTimeout(done, 10))
createServer((_, res) => res.end('esm ' + process.pid + '\n')).listen(+process.env.PORT)
