import { basename } from 'node:path'
import os from 'os'

export default {
  apps: [{ name: basename('/x/esm'), script: 'server.js', env: { LINES: os.EOL.length } }],
}
