import {createServer, type ServerResponse} from 'node:http'

createServer((_: unknown, res: ServerResponse) => res.end('typed ' + process.pid + '\n')).listen(Number(process.env.PORT))
