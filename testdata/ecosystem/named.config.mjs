export const apps = [{ name: 'named', script: 'server.js' }]
