// Package oracle holds PM2's own answers beside weaver's: sessions of command lines, written once in testdata/oracle, are
// run against the npm pm2 and against weaver linked as pm2. What they print, their exit codes, their lists, the files in
// their homes and what the programs see of environment and arguments are compared.
//
// PM2's answers are recorded in testdata/oracle/recorded (`make oracle`); a test replays every session against weaver.
// Where weaver means to differ, the step says which row of docs/pm2.md has the reason, and weaver's answer is recorded
// in testdata/oracle/weaver.
package oracle
