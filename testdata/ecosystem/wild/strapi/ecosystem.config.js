module.exports = {
  apps: [
    {
      name: 'strapi',
      cwd: __dirname,
      script: 'npm',
      args: 'start',
      interpreter: 'none',
      env: {
        NODE_ENV: 'production',
        DATABASE_HOST: 'db.internal',
        DATABASE_PORT: '5432',
        DATABASE_NAME: 'strapi',
        DATABASE_SSL: false,
      },
    },
  ],
};
