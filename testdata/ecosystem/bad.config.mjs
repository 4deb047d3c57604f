export default {
  apps: [}
}
