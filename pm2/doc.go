// Package pm2 is weaver as PM2 sees it: PM2's records, listings, dumps and words, made from app.Process and read back.
//
// PM2's inner names (pm2_env, axm_…, pm_id) live here and nowhere else. Nothing in this package does anything when the
// program starts: both the supervisor, which renders listings ahead of time, and the command line import it.
package pm2
