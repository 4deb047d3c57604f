module.exports = {
  apps: [{
    name: 'api',
    script: 'dist/main.js',
    instances: 2,
    exec_mode: 'cluster',
    autorestart: true,
    watch: false,
    max_memory_restart: '512M',
    merge_logs: true,
    log_date_format: 'YYYY-MM-DD HH:mm:ss Z',
    error_file: 'logs/err.log',
    out_file: 'logs/out.log',
    env: { NODE_ENV: 'production', PORT: 0 },
  }],
};
