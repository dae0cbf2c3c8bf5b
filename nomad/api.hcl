# The platform's API. One for each address that clients know: its port is fixed.

variable "datacenter" {
  type        = string
  description = "Of the job, of Nomad and of Consul: the same everywhere, or nothing is placed."
}

variable "count" {
  type        = number
  description = "How many; each needs an API node of its own."
  default     = 1
}

variable "cpu" {
  type    = number
  default = 1000
}

variable "memory" {
  type        = number
  description = "MiB."
  default     = 2048
}

variable "release" {
  type        = string
  description = "Stands for the binary and its environment file: another one starts the task anew."
  default     = ""
}

job "api" {
  datacenters = [var.datacenter]
  type        = "service"
  priority    = 90

  update {
    max_parallel     = 1
    health_check     = "checks"
    min_healthy_time = "3s"
    healthy_deadline = "60s"
    # a version that fails is given up at once, and the one before it comes back
    progress_deadline = "0"
    auto_revert       = true
  }

  group "api" {
    count = var.count

    constraint {
      attribute = "${node.class}"
      value     = "api"
    }

    constraint {
      operator = "distinct_hosts"
      value    = "true"
    }

    restart {
      attempts = 2
      interval = "5m"
      delay    = "2s"
      mode     = "fail"
    }

    # a node that is gone is waited for, however long it takes
    reschedule {
      delay          = "10s"
      delay_function = "exponential"
      max_delay      = "2m"
      unlimited      = true
    }

    network {
      port "api" {
        static = 50001
      }
    }

    service {
      name = "api"
      port = "api"

      check {
        type     = "http"
        path     = "/health"
        interval = "10s"
        timeout  = "3s"
      }
    }

    task "api" {
      driver       = "raw_exec"
      kill_timeout = "90s"

      config {
        command = "/bin/bash"
        args    = ["-c", "set -ea; cd /opt/e2b; . ./api.env; exec ./bin/e2b-api --port 50001"]
      }

      meta {
        release = var.release
      }

      env {
        NODE_ID = "${node.unique.id}"
      }

      resources {
        cpu    = var.cpu
        memory = var.memory
      }
    }
  }
}
