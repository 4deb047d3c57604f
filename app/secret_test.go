package app

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSecretsAreStruckOut(t *testing.T) {
	for in, want := range map[string]string{
		"weaver start app.js --name api":               "weaver start app.js --name api",
		"weaver set db.password hunter2":               "weaver set db.password ***",
		"weaver start app.js -- --api-key abc --port":  "weaver start app.js -- --api-key *** --port",
		"env DB_PASSWORD=x weaver start":               "env DB_PASSWORD=*** weaver start",
		"weaver start --token=abc":                     "weaver start --token=***",
		"weaver start --token --force":                 "weaver start --token --force",
		"deploy https://bob:pw@host/x":                 "deploy https://bob:***@host/x",
		"mail a@b.c http://h/":                         "mail a@b.c http://h/",
		"git clone ssh://git@host/x":                   "git clone ssh://git@host/x",
		"KEYBOARD=us MONKEY=1":                         "KEYBOARD=us MONKEY=1",
		"serve --key ./tls.key --cert /etc/tls.crt":    "serve --key ./tls.key --cert /etc/tls.crt",
		"curl -H \"Authorization: Bearer abcdefgh12\"": "curl -H \"Authorization: Bearer ***\"",
		"curl -H 'X-Auth: Basic dXNlcjpwdw=='":         "curl -H 'X-Auth: Basic ***'",
		"AUTHORIZATION=Bearer abcdefgh12 run":          "AUTHORIZATION=*** *** run",
		"curl http://h/x?page=2&access_token=abc":      "curl http://h/x?page=2&access_token=***",
		"clone https://ghp_0123456789abcdef@h/x.git":   "clone https://***@h/x.git",
		"a basic understanding of bearer certificates": "a basic understanding of bearer certificates",
	} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
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

// What is a secret by its name, whatever its value; by its name unless the value shows otherwise; and never.
func TestNamesOfSecrets(t *testing.T) {
	names := map[suspicion]string{
		sure: "PASSWORD db_pass PGPASSWORD DB_PASSWORD2 MYSQL_ROOT_PASSWORD passwd PASSPHRASE SMTP_PASS userPass GITHUB_TOKEN authToken APITOKEN " +
			"AWS_SECRET_ACCESS_KEY AWS_ACCESS_KEY_SECRET stripe-api-key apiKey APIKey OPENAI_API_KEY CLIENT_SECRET Credentials BEARER PRIVATE_KEY " +
			"SSH_KEY SESSION_KEY MASTER_KEY CONNECTION_STRING AzureConnectionString NEXT_PUBLIC_SECRET_KEY REDIS_PASSWORD_1 COMPASS_PASSWORD",
		likely: "AUTH HTTP_AUTHORIZATION basicAuth OAUTH2 COOKIE SESSION SESSION_ID DSN SENTRY_DSN DATABASE_URL PRIVATE CERT TLS_KEY KEY " +
			"SERVER_CERTIFICATE KEYS JWT SIGNING_SALT MYSQL_PWD MAX_TOKENS PASSWORD_FILE TOKEN_TTL GOOGLE_APPLICATION_CREDENTIALS_PATH SSH_AUTH",
		plain: "PATH HOME PWD OLDPWD USER AUTHOR AUTHORS KEYBOARD MONKEY DONKEY KEYSPACE HOCKEY_TEAM TOKENIZER PASSENGER COMPASS BYPASS CERTBOT_EMAIL " +
			"NODE_ENV SESSION_TIMEOUT COOKIE_DOMAIN COOKIE_NAME XDG_SESSION_ID DESKTOP_SESSION SESSION_MANAGER DBUS_SESSION_BUS_ADDRESS SSH_AUTH_SOCK " +
			"SSL_CERT_FILE PUBLIC_KEY JWT_PUBLIC_KEY STRIPE_PUBLISHABLE_KEY PRIMARY_KEY KEY_ID AUTH_URL AUTH0_DOMAIN OAUTH_CLIENT_ID GIT_AUTHOR_NAME " +
			"npm_config_registry LESSKEYIN LC_ALL XAUTHORITY",
	}
	for want, list := range names {
		for name := range strings.FieldsSeq(list) {
			assert.Equal(t, want, suspect(name), name)
		}
	}
}

func TestValuesOfVariables(t *testing.T) {
	for _, row := range []struct{ name, value, want string }{
		{"DB_PASSWORD", "/looks/like/a/path", Redacted},
		{"DB_PASSWORD", "", ""},
		{"PASSWORD_FILE", "/run/secrets/db", "/run/secrets/db"},
		{"PASSWORD_FILE", "hunter2", Redacted},
		{"TOKEN_TTL", "3600s", "3600s"},
		{"MAX_TOKENS", "4096", "4096"},
		{"SESSION_ID", "s%3Aabcdef", Redacted},
		{"AUTH", "true", "true"},
		{"AUTH", "bob:pw", Redacted},
		{"TLS_KEY", "/etc/tls/server.key", "/etc/tls/server.key"},
		{"TLS_KEY", "certs/server.pem", "certs/server.pem"},
		{"TLS_KEY", "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n", Redacted},
		{"X", "-----BEGIN RSA PRIVATE KEY-----\nMHcCAQ\n", Redacted},
		{"DATABASE_URL", "postgres://db.internal:5432/main?sslmode=require", "postgres://db.internal:5432/main?sslmode=require"},
		{"DATABASE_URL", "postgres://bob:pw@db/main", Redacted},
		{"DATABASE_URL", "postgres://db/main?user=bob&password=pw", Redacted},
		{"SENTRY_DSN", "https://0123@o1.ingest.sentry.io/2", Redacted},
		{"DSN", "bob:pw@tcp(db:3306)/main", Redacted},
		{"REDIS", "redis://:pw@cache:6379/0", "redis://:***@cache:6379/0"},
		{"BROKER_URL", "amqp://bob:p@ss@mq/x", "amqp://bob:***@mq/x"},
		{"DB", "Server=db;User Id=bob;Password=pw;Encrypt=yes", "Server=db;User Id=bob;Password=***;Encrypt=yes"},
		{"STORAGE", "AccountName=a;AccountKey=abc==;Suffix=x", "AccountName=a;AccountKey=***;Suffix=x"},
		{"DB", "host=db user=bob password=pw", "host=db user=bob password=***"},
		{"HEADERS", "Authorization: Bearer abcdefgh12", "Authorization: Bearer ***"},
		{"HEADER", "Bearer abcdefgh12", "Bearer ***"},
		{"REMOTE", "https://ghp_0123456789abcdef@github.com/a/b.git", "https://***@github.com/a/b.git"},
		{"REMOTE", "ssh://git@github.com/a/b.git", "ssh://git@github.com/a/b.git"},
		{"MAILTO", "somebody@example.com", "somebody@example.com"},
		{"PATH", "/usr/bin:/bin", "/usr/bin:/bin"},
		{"AUTHOR", "Ann", "Ann"},
		{"OPTS", "--max-old-space-size=4096 --title=x", "--max-old-space-size=4096 --title=x"},
	} {
		assert.Equal(t, row.want, RedactValue(row.name, row.value), "%s=%s", row.name, row.value)
		assert.Equal(t, row.want, RedactValue(row.name, RedactValue(row.name, row.value)), "twice")
	}
}
