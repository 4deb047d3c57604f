'use strict';
// weaver's eyes in a Node service: its figures, its exceptions, and what can be triggered in it, told over the IPC channel.
// It runs before the service's own code and is then out of the way: nothing is wrapped, no listener of the service's kind is
// taken, the event loop is never kept alive, and neither the environment nor the arguments show that it was there.

const how = process.env.WEAVER_PRELOAD;
delete process.env.WEAVER_PRELOAD; // children of the service are its own affair
delete require.cache[__filename];
const place = process.execArgv.findIndex((a, i, all) => a === '--require' && all[i + 1] === __filename);
if (place >= 0) process.execArgv.splice(place, 2);

if (how && how.includes('source-maps') && process.setSourceMapsEnabled) process.setSourceMapsEnabled(true);
if (how && typeof process.send === 'function') watch(how.split(','));

function watch(options) {
  const send = process.send;
  const started = Date.now();
  let waiting = 0;
  const post = (message) => {
    if (!process.connected) return;
    waiting++;
    send.call(process, message, () => { waiting--; });
  };
  const tell = (type, data) => post({ type, data });
  // Before it can ask for a socket: older ones have a longer name for what is no file.
  if (options.includes('worker') && parseInt(process.versions.node, 10) < 22) post({ cmd: 'NODE_CLUSTER', act: 'pads' });
  const requests = countRequests();
  const sessions = followSessions();
  catchErrors(tell, options);
  process.on('internalMessage', (m) => {
    if (m && m.cmd === 'NODE_WEAVER') act(m, tell);
  });
  // Before Node's own listener, which closes the servers.
  process.prependListener('internalMessage', (m) => {
    if (!m || m.cmd !== 'NODE_CLUSTER' || m.act !== 'disconnect') return;
    leave(requests, sessions);
    // The channel ends when all is answered, and what should end the program by a message then cannot send it.
    if (!options.includes('shutdown-message')) return;
    post({ cmd: 'NODE_WEAVER_SHUTDOWN' });
    process.once('disconnect', () => process.emit('message', 'shutdown', undefined));
  });

  // The figures: often while something happens, seldom while nothing does, and only those that have changed. None when the program
  // has PM2's own library, which tells the same ones, and as the program wants them.
  const busy = 1000, idle = 5000;
  let measure = null;
  const last = new Map(), library = Symbol.for('@pm2/io');
  let announced = false;
  const tick = () => {
    if (!process.connected) return;
    if (globalThis[library]) {
      if (!announced) announce(post, tell);
      if (last.size > 0) tell('weaver:withdrawn', Object.fromEntries(last));
      return;
    }
    measure = measure || figures(requests);
    requests.more();
    let active = Date.now() - started < 10000;
    if (waiting < 8) { // nobody reads: there will be newer ones
      const now = measure();
      active = active || now.active;
      const changed = {};
      let n = 0;
      for (const [name, metric] of Object.entries(now.metrics)) {
        if (last.get(name) === metric.value) continue;
        last.set(name, metric.value);
        changed[name] = metric;
        n++;
      }
      if (!announced) announce(post, tell);
      announced = true;
      if (n > 0) tell('axm:monitor', changed);
    }
    setTimeout(tick, active ? busy : idle).unref();
  };
  setTimeout(tick, 200).unref();
}

const actions = ['km:heapdump', 'km:cpu:profiling:start', 'km:cpu:profiling:stop', 'km:heap:sampling:start', 'km:heap:sampling:stop'];

function announce(send, tell) {
  send({ node_version: process.versions.node });
  for (const action_name of actions) {
    tell('axm:action', { action_name, action_type: 'internal', arity: /stop$/.test(action_name) ? 1 : 2 });
  }
  tell('weaver:options', {
    error: true, heapdump: true, 'feature.profiler.heapsnapshot': true, 'feature.profiler.heapsampling': true,
    'feature.profiler.cpu_js': true, latency: true, catchExceptions: true, profiling: true,
    metrics: { v8: true, network: false, eventLoop: true, runtime: true, http: true }, standalone: false,
    tracing: { enabled: false, outbound: false }, module_conf: {}, apm: { type: 'weaver', version: '1' },
  });
}

// countRequests counts what a server answers, and how long some of it takes, from the diagnostics that Node publishes itself. It
// publishes only what somebody subscribed to, so on a busy server the first requests of each second are timed and no others.
function countRequests() {
  const size = 1024, some = 64;
  const r = { total: 0, fresh: false, more() {}, leave() {} };
  let starts, answers; // held: an old Node forgets channels that nobody holds
  try {
    const { channel } = require('diagnostics_channel');
    [starts, answers] = [channel('http.server.request.start'), channel('http.server.response.finish')];
  } catch {
    return r; // an older one has none
  }
  const began = Symbol('weaver'), times = new Float64Array(size);
  let timed = 0, left = 0, subscribed = false, leaving = false, clock = null;
  const start = ({ response }) => {
    if (leaving) response.shouldKeepAlive = false;
    if (left <= 0) return;
    clock = clock || require('perf_hooks').performance;
    response[began] = clock.now();
    if (--left === 0 && !leaving) setImmediate(stop); // not while Node walks through the subscribers
  };
  const stop = () => {
    if (left > 0 || leaving || !subscribed) return;
    subscribed = false;
    starts.unsubscribe(start);
  };
  const listen = () => {
    if (!subscribed) starts.subscribe(start);
    subscribed = true;
  };
  r.more = () => {
    left = some;
    listen();
  };
  r.leave = () => {
    leaving = true;
    listen();
  };
  answers.subscribe(({ response }) => {
    r.total++;
    const from = response[began];
    if (from === undefined) return;
    times[timed++ % size] = clock.now() - from;
    r.fresh = true;
  });
  r.quantile = (q) => {
    const sorted = times.slice(0, Math.min(timed, size)).sort();
    return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  };
  r.more();
  return r;
}

// followSessions knows the sessions of HTTP/2 servers: Node tells who listens, nobody tells what is open.
function followSessions() {
  const all = { open: new Set(), heard: null }, known = new WeakSet();
  const open = (session) => {
    if (all.open.has(session)) return;
    all.open.add(session);
    session.once('close', () => all.open.delete(session));
    if (all.heard) all.heard(session);
  };
  all.follow = (server) => {
    if (!server || known.has(server)) return;
    known.add(server);
    if (!/^Http2(Secure)?Server$/.test(server.constructor.name)) return;
    server.on('session', open);
    server.prependListener('stream', (stream) => open(stream.session)); // the first began before this
  };
  try {
    all.sockets = require('diagnostics_channel').channel('net.server.socket'); // held, as above
    all.sockets.subscribe(({ socket }) => all.follow(socket.server));
  } catch {
    // an old Node
  }
  return all;
}

// lastCall is how long clients have to go elsewhere, in ms.
const lastCall = 1000;

// leave has a worker that is replaced finish with its clients. Node closes the servers now, and with them, left alone, each kept
// connection that is idle: a request that is on its way there would be lost. So these have a while for one more request, and
// every connection is told to end with its next answer; those of HTTP/2, that no new request should come.
function leave(requests, sessions) {
  requests.leave();
  const servers = new Set();
  for (const handle of process._getActiveHandles ? process._getActiveHandles() : []) {
    const server = handle.server;
    sessions.follow(server);
    if (server && typeof server.closeIdleConnections === 'function') servers.add(server);
  }
  for (const server of servers) {
    if (Object.prototype.hasOwnProperty.call(server, 'closeIdleConnections')) continue; // the program's own
    server.closeIdleConnections = () => {};
    process.nextTick(() => { delete server.closeIdleConnections; });
    // Right after what has come was read.
    setTimeout(() => setImmediate(() => server.closeIdleConnections()), lastCall).unref();
  }
  sessions.heard = (session) => {
    if (session.closed || session.destroyed) return;
    session.goaway(0, 0x7fffffff); // what is on its way is still taken
    setTimeout(() => setImmediate(() => session.close()), lastCall).unref();
  };
  sessions.open.forEach(sessions.heard);
}

// figures returns a function that measures.
function figures(requests) {
  const { performance, monitorEventLoopDelay } = require('perf_hooks');
  const resolution = 20;
  let delay = null, quiet = 0; // the histogram runs while the loop does
  let elu = performance.eventLoopUtilization ? performance.eventLoopUtilization() : null;
  let at = performance.now(), seen = 0, rate = 0;
  const round = (n) => Math.round(n * 100) / 100;
  const metric = (value, type, unit) => (unit ? { historic: true, unit, type, value } : { historic: true, type, value });
  const loop = (m, p50, p95) => {
    m['Event Loop Latency'] = metric(Math.max(0, p50).toFixed(2), 'internal/libuv/latency/p50', 'ms');
    m['Event Loop Latency p95'] = metric(Math.max(0, p95).toFixed(2), 'internal/libuv/latency/p95', 'ms');
  };
  return () => {
    const now = performance.now(), span = now - at;
    at = now;
    const m = {};
    const { heapTotal, heapUsed } = process.memoryUsage();
    m['Heap Size'] = metric((heapTotal / 1048576).toFixed(2), 'internal/v8/heap/total', 'MiB');
    m['Heap Usage'] = metric(round(heapUsed / heapTotal * 100), 'internal/v8/heap/usage', '%');
    m['Used Heap Size'] = metric((heapUsed / 1048576).toFixed(2), 'internal/v8/heap/used', 'MiB');
    if (process._getActiveRequests) m['Active requests'] = metric(process._getActiveRequests().length, 'internal/libuv/requests');
    if (process._getActiveHandles) m['Active handles'] = metric(process._getActiveHandles().length, 'internal/libuv/handles');

    const used = elu ? performance.eventLoopUtilization(elu) : { utilization: 1 };
    if (elu) elu = performance.eventLoopUtilization();
    const active = used.utilization > 0.01 || requests.total !== seen;
    if (delay) {
      if (delay.max > 0) loop(m, delay.percentile(50) / 1e6 - resolution, delay.percentile(95) / 1e6 - resolution);
      delay.reset();
      if (active) quiet = 0;
      else if (++quiet > 3) {
        delay.disable();
        delay = null;
      }
    } else {
      if (active && monitorEventLoopDelay) {
        delay = monitorEventLoopDelay({ resolution });
        delay.enable();
        quiet = 0;
      }
      loop(m, 0, 0);
    }

    if (requests.total > 0) {
      const n = requests.total - seen, weight = 1 - Math.exp(-span / 15000);
      const current = n / span * 60000;
      rate = seen === 0 ? current : rate + weight * (current - rate);
      seen = requests.total;
      m.HTTP = metric(round(rate), 'internal/http/builtin/reqs', 'req/min');
      if (requests.fresh) {
        requests.fresh = false;
        m['HTTP Mean Latency'] = metric(round(requests.quantile(0.5)), 'internal/http/builtin/latency/p50', 'ms');
        m['HTTP P95 Latency'] = metric(round(requests.quantile(0.95)), 'internal/http/builtin/latency/p95', 'ms');
      }
    }
    return { metrics: m, active };
  };
}

// catchErrors reports what nobody caught. What becomes of the process is as without it, but for rejections: under PM2 they
// are printed, and the program goes on.
function catchErrors(tell, options) {
  let reported = 0, second = 0;
  const report = (error) => {
    const now = Math.floor(Date.now() / 1000);
    if (now !== second) [second, reported] = [now, 0];
    if (reported++ < 10) tell('process:exception', describe(error)); // a storm is no news
  };
  process.on('uncaughtExceptionMonitor', report);
  const chosen = (list) => list.some((a) => a.startsWith('--unhandled-rejections'));
  if (options.includes('node-rejections') || chosen(process.execArgv) || chosen((process.env.NODE_OPTIONS || '').split(/\s+/))) return;
  process.on('unhandledRejection', function weaver(reason) {
    if (process.listenerCount('unhandledRejection') > 1) return; // the program has its own way
    console.error(reason);
    report(reason);
  });
}

function describe(error) {
  if (!(error instanceof Error)) {
    let text;
    try {
      text = typeof error === 'string' ? error : require('util').inspect(error);
    } catch {
      text = 'a value that cannot be shown';
    }
    return { message: text, stack: text, name: 'Error' };
  }
  const data = { message: String(error.message), stack: String(error.stack), name: String(error.name) };
  const at = /\(?((?:file:\/\/)?\/[^\s()]+?):(\d+):\d+\)?$/m.exec(data.stack);
  if (at && !at[1].includes('/node_modules/')) {
    const file = at[1].replace(/^file:\/\//, '');
    data.callsite = file + ':' + at[2];
    try {
      const fs = require('fs');
      if (fs.statSync(file).size < 1 << 20) {
        const lines = fs.readFileSync(file, 'utf8').split('\n'), n = +at[2];
        data.context = lines.slice(Math.max(0, n - 4), n + 3).map((l) => l.slice(0, 400)).join('\n');
      }
    } catch {
      // the source is not there
    }
  }
  return data;
}

// act does what was triggered, and answers as PM2's actions do.
function act(m, tell) {
  const reply = (result) => tell('axm:reply', { at: Date.now(), action_name: m.msg, return: result });
  Promise.resolve().then(() => perform(m, tell)).then(reply, (err) => reply({ success: false, err: String((err && err.message) || err) }));
}

let session = null;
const running = new Map(); // kind → when and under which uuid

function ask(method, params) {
  if (!session) {
    session = new (require('inspector').Session)();
    session.connect();
  }
  return new Promise((done, fail) => session.post(method, params, (err, result) => (err ? fail(new Error(err.message)) : done(result))));
}

async function begin(kind) {
  if (running.has(kind)) throw new Error(`a ${kind} profile is being taken already`);
  const state = { uuid: Math.random().toString(36).slice(2), at: Date.now() };
  running.set(kind, state);
  if (kind === 'cpu') {
    await ask('Profiler.enable');
    await ask('Profiler.start');
  } else {
    await ask('HeapProfiler.enable');
    await ask('HeapProfiler.startSampling');
  }
  return state;
}

async function finish(kind) {
  const state = running.get(kind);
  if (!state) throw new Error(`no ${kind} profile is being taken`);
  running.delete(kind);
  const { profile } = await ask(kind === 'cpu' ? 'Profiler.stop' : 'HeapProfiler.stopSampling');
  await ask(kind === 'cpu' ? 'Profiler.disable' : 'HeapProfiler.disable');
  if (running.size === 0) {
    session.disconnect();
    session = null;
  }
  return { ...state, profile: JSON.stringify(profile), duration: Date.now() - state.at };
}

// write never replaces a file: its path came from somebody else.
function write(file, text) {
  require('fs').writeFileSync(file, text, { flag: 'wx', mode: 0o600 });
  return { success: true, file, size: Buffer.byteLength(text) };
}

async function perform(m, tell) {
  const stop = async (kind, type) => {
    const p = await finish(kind);
    tell('profilings', { uuid: p.uuid, duration: p.duration, at: Date.now(), data: p.profile, success: true, initiated: 'manual', type });
    return { success: true, uuid: p.uuid };
  };
  switch (m.msg) {
    case 'km:cpu:profiling:start':
      return { success: true, uuid: (await begin('cpu')).uuid };
    case 'km:heap:sampling:start':
      return { success: true, uuid: (await begin('heap')).uuid };
    case 'km:cpu:profiling:stop':
      return stop('cpu', 'cpuprofile');
    case 'km:heap:sampling:stop':
      return stop('heap', 'heapprofile');
    case 'km:heapdump': {
      const file = require('path').join(require('os').tmpdir(), `${process.pid}-${Date.now()}.heapsnapshot`);
      return { success: true, dump_file: require('v8').writeHeapSnapshot(file) };
    }
    case 'weaver:profile': {
      const { kind, ms, file } = m.opts;
      await begin(kind);
      await new Promise((done) => setTimeout(done, ms));
      return write(file, (await finish(kind)).profile);
    }
    case 'internal:inspect': {
      const inspector = require('inspector');
      if (!inspector.url()) inspector.open(0, '127.0.0.1');
      return { success: true, url: inspector.url() };
    }
    default:
      throw new Error(`there is no action ${m.msg}`);
  }
}
