const x = {}
module.exports = { apps: x.missing.deeply }
