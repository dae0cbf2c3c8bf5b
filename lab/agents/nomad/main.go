// Nomad's own agent and command line, for machines that have no `nomad`.
package main

import (
	"fmt"
	"os"

	"github.com/hashicorp/nomad/command"
	"github.com/mitchellh/cli"

	// The agent starts itself anew for downloads, logs, Docker's logs and tasks; these packages
	// answer in those processes.
	_ "github.com/hashicorp/nomad/client/allocrunner/taskrunner/getter"
	_ "github.com/hashicorp/nomad/client/logmon"
	_ "github.com/hashicorp/nomad/drivers/docker/docklog"
	_ "github.com/hashicorp/nomad/drivers/shared/executor"
)

func main() {
	ui := &cli.BasicUi{Reader: os.Stdin, Writer: os.Stdout, ErrorWriter: os.Stderr}
	program := cli.NewCLI("nomad", "")
	program.Args = os.Args[1:]
	if len(program.Args) == 1 && (program.Args[0] == "-version" || program.Args[0] == "--version") {
		program.Args = []string{"version"}
	}
	program.Commands = command.Commands(&command.Meta{Ui: ui}, ui)
	status, err := program.Run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "nomad:", err)
		os.Exit(1)
	}
	os.Exit(status)
}
