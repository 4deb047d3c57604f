# Made by weaver export nomad.
job "backup" {
  type = "batch"
  periodic {
    crons = ["*/15 2-4 1,15 * 1-5"]
    prohibit_overlap = true
  }

  group "backup" {
    count = 1
    restart {
      attempts = 0
      interval = "60s"
      delay    = "1s"
      mode     = "fail"
    }
    task "backup" {
      # exec instead isolates the program, with a user and files of its own.
      driver = "raw_exec"
      config {
        command = "/srv/backup.sh"
      }
      kill_signal  = "SIGINT"
      kill_timeout = "1600ms"
    }
  }
}
