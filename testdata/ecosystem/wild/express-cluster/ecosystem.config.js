module.exports = {
  apps: [{
    name: "express-api",
    script: "./bin/www",
    instances: 2,
    exec_mode: "cluster",
    wait_ready: true,
    listen_timeout: 1000,
    kill_timeout: 5000,
    node_args: "--max-old-space-size=256",
    env: { NODE_ENV: "development", PORT: 0 },
    env_staging: { NODE_ENV: "staging" },
    env_production: { NODE_ENV: "production" }
  }],
  deploy: {
    production: {
      user: "deploy",
      host: ["10.0.0.1", "10.0.0.2"],
      ref: "origin/main",
      repo: "git@github.com:example/api.git",
      path: "/var/www/api",
      "post-deploy": "npm ci && pm2 reload ecosystem.config.js --env production"
    }
  }
}
