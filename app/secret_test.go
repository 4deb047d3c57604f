package app

import "testing"

func TestSecretsAreStruckOut(t *testing.T) {
	for in, want := range map[string]string{
		"weaver start app.js --name api":              "weaver start app.js --name api",
		"weaver set db.password hunter2":              "weaver set db.password ***",
		"weaver start app.js -- --api-key abc --port": "weaver start app.js -- --api-key *** --port",
		"env DB_PASSWORD=x weaver start":              "env DB_PASSWORD=*** weaver start",
		"weaver start --token=abc":                    "weaver start --token=***",
		"weaver start --token --force":                "weaver start --token --force",
		"deploy https://bob:pw@host/x":                "deploy https://bob:***@host/x",
		"mail a@b.c http://h/":                        "mail a@b.c http://h/",
		"git clone ssh://git@host/x":                  "git clone ssh://git@host/x",
		"KEYBOARD=us MONKEY=1":                        "KEYBOARD=us MONKEY=1",
	} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
	for name, want := range map[string]bool{
		"PASSWORD": true, "db_pass": true, "GITHUB_TOKEN": true, "AWS_SECRET_ACCESS_KEY": true, "stripe-api-key": true,
		"PATH": false, "KEY": false, "NODE_ENV": false, "SENTRY_DSN": true, "PWD": false,
	} {
		if LooksSecret(name) != want {
			t.Errorf("LooksSecret(%q) = %v", name, !want)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("weaver start --token x https://a:b@c")
	f.Fuzz(func(t *testing.T, line string) {
		if once := Redact(line); Redact(once) != once {
			t.Errorf("%q is redacted twice: %q, %q", line, once, Redact(once))
		}
	})
}

func TestWhatIsSetIsRedacted(t *testing.T) {
	for line, want := range map[string]string{
		"weaver set api:password hunter2":               "weaver set api:password ***",
		"weaver set api:password two words":             "weaver set api:password *** ***",
		"node /usr/bin/pm2 set api.token x":             "node /usr/bin/pm2 set api.token ***",
		"weaver multiset api:token x api:port 1":        "weaver multiset api:token *** api:port 1",
		"weaver set api:port 80":                        "weaver set api:port 80",
		"weaver start set.js --name secret-app --watch": "weaver start set.js --name secret-app --watch",
	} {
		if got := Redact(line); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}
