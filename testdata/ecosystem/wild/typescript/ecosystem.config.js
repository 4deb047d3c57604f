module.exports = {
  apps: [
    { name: 'by-tsx', script: 'src/server.ts', interpreter: './node_modules/.bin/tsx' },
    { name: 'by-ts-node', script: 'src/server.ts', interpreter: 'node', interpreter_args: '--require ./node_modules/ts-node/register' },
    { name: 'built', script: 'dist/server.js', source_map_support: true },
  ],
}
