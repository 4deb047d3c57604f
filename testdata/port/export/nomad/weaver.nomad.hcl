# Made by weaver export nomad.
job "weaver" {
  type = "service"

  group "shop-api" {
    count = 1
    network {
      port "main" {
        static = 3000
      }
    }
    restart {
      attempts = 5
      interval = "60s"
      delay    = "2s"
      mode     = "fail"
    }
    service {
      name     = "shop-api"
      port     = "main"
      provider = "nomad"
      check {
        type     = "http"
        path     = "/health?deep=1"
        interval = "15s"
        timeout  = "5s"
      }
    }
    task "shop-api" {
      # exec instead isolates the program, with a user and files of its own.
      driver = "raw_exec"
      user   = "1000"
      config {
        command = "/bin/sh"
        args    = ["-c", "cd \"$0\" && exec \"$@\"", "/srv/shop", "/usr/bin/node", "--enable-source-maps", "/srv/shop/server.js", "--title", "The \"100%\" $HOME $${shop}", "a;b", ""]
      }
      env = {
        "PATH" = "/usr/bin:/bin"
        "NODE_ENV" = "production"
        "GREETING" = "it's \"me\" $1 50% #\nbye"
        "PORT" = "3000"
      }
      template {
        destination = "secrets/env"
        env         = true
        data        = "DB_PASSWORD={{ with nomadVar \"nomad/jobs/weaver/shop-api\" }}{{ index . \"DB_PASSWORD\" | toJSON }}{{ end }}\nREF={{ with nomadVar \"nomad/jobs/weaver/shop-api\" }}{{ index . \"REF\" | toJSON }}{{ end }}\n"
      }
      kill_signal  = "SIGINT"
      kill_timeout = "8500ms"
      resources {
        memory = 512
        # weaver's limit is 150 % of one core; this reserves whole ones.
        cores = 2
      }
    }
  }

  group "db" {
    count = 1
    network {
      port "main" {
        static = 5432
      }
    }
    restart {
      attempts = 16
      interval = "60s"
      delay    = "1s"
      mode     = "fail"
    }
    service {
      name     = "db"
      port     = "main"
      provider = "nomad"
    }
    task "db" {
      # exec instead isolates the program, with a user and files of its own.
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "cd \"$0\" && exec \"$@\"", "/", "/usr/sbin/slapd"]
      }
      kill_signal  = "SIGTERM"
      kill_timeout = "1600ms"
    }
  }

  group "mailer" {
    count = 3
    restart {
      attempts = 16
      interval = "60s"
      delay    = "1s"
      mode     = "fail"
    }
    task "mailer" {
      # exec instead isolates the program, with a user and files of its own.
      driver = "raw_exec"
      config {
        command = "/usr/bin/php"
        args    = ["artisan", "queue:work"]
      }
      kill_signal  = "SIGINT"
      kill_timeout = "1600ms"
      resources {
        memory = 200
      }
    }
  }
}
