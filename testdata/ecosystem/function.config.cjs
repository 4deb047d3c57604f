const { apps } = require('./shared.json')

module.exports = async () => ({ apps })
