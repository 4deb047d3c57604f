module.exports = {
  apps: [{
    name: "bun-app",
    script: "index.ts",
    interpreter: "bun",
    env: { PATH: `${process.env.HOME}/.bun/bin:${process.env.PATH}` },
  }],
}
