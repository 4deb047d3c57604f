"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
require('http').createServer((q, s) => s.end('ok')).listen(process.env.PORT || 0, '127.0.0.1')
