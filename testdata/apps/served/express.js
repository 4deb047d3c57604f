require('express')().get('/', (_, res) => res.send('express ' + process.pid + '\n')).listen(+process.env.PORT)
