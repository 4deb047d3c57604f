const path = require('node:path')

const apps = ['web', 'api'].map((name) => ({
  name,
  namespace: 'shop',
  cwd: path.join(__dirname, 'packages', name),
  script: 'pnpm',
  args: 'run start',
  interpreter: 'none',
  env: { NODE_ENV: 'production' },
}))

apps.push({
  name: 'jobs',
  namespace: 'shop',
  cwd: path.join(__dirname, 'packages/jobs'),
  script: 'src/index.js',
  cron_restart: '*/30 * * * *',
  autorestart: false,
})

module.exports = { apps }
