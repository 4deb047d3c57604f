const path = require('path')

module.exports = {
  apps: [
    {
      name: 'web',
      script: path.join(__dirname, 'server.js'),
      cwd: __dirname,
      instances: 2,
      exec_mode: 'cluster',
      maxRestarts: 5,
      max_memory_restart: '300M',
      env: { NODE_ENV: 'development', PORT: 3000, FLAGS: { a: 1 } },
      env_production: { NODE_ENV: 'production', PORT: 80 },
    },
    { name: 'worker', script: './worker', cwd: __dirname, kill_timeout: 5000, autorestart: false },
  ],
  deploy: {
    production: { host: 'localhost', repo: 'r', ref: 'origin/main', path: '/srv', env: { RELEASE: 'r1' } },
  },
}
