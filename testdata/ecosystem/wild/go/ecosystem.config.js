module.exports = {
  apps: [{
    name: 'go-server',
    script: './build/server',
    args: '-addr :8080',
    exec_interpreter: 'none',
    exec_mode: 'fork_mode',
    watch: false,
    out_file: '/dev/null',
    env: { GIN_MODE: 'release' },
  }],
}
