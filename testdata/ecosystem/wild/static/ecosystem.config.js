const path = require('path')
module.exports = {
  apps: [{
    name: 'static-site',
    script: 'npx',
    interpreter: 'none',
    args: `serve -s ${path.basename('/srv/build')} -l 5000`,
    env: { NODE_ENV: 'production' },
  }],
}
