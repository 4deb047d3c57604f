module.exports = {
  apps: [
    {
      name: "flask",
      script: "gunicorn",
      args: "--workers 2 --bind 127.0.0.1:8000 wsgi:app",
      interpreter: "none",
      cwd: ".",
      env: { FLASK_ENV: "production" },
    },
    {
      name: "worker",
      script: "./worker.py",
      interpreter: "python3",
      interpreter_args: "-u",
      autorestart: true,
      max_restarts: 10,
      restart_delay: 4000,
    },
  ],
}
