module.exports = {
  apps: [
    {
      name: 'puma',
      script: 'bundle',
      args: 'exec puma -C config/puma.rb',
      exec_mode: 'fork_mode',
      interpreter: 'none',
      env: { RAILS_ENV: 'production', RAILS_LOG_TO_STDOUT: true },
    },
    { name: 'sidekiq', script: 'bundle exec sidekiq -C config/sidekiq.yml', env: { RAILS_ENV: 'production' } },
    { name: 'clock', script: 'clock.rb', interpreter: 'ruby' },
  ],
}
