// Consul's own agent and command line, for machines that have no `consul`.
package main

import (
	"fmt"
	"os"

	"github.com/hashicorp/consul/command"
	"github.com/hashicorp/consul/command/cli"
	mcli "github.com/mitchellh/cli"
)

func main() {
	ui := &cli.BasicUI{BasicUi: mcli.BasicUi{Reader: os.Stdin, Writer: os.Stdout, ErrorWriter: os.Stderr}}
	program := mcli.NewCLI("consul", "")
	program.Args = os.Args[1:]
	if len(program.Args) == 1 && (program.Args[0] == "-version" || program.Args[0] == "--version") {
		program.Args = []string{"version"}
	}
	program.Commands = command.RegisteredCommands(ui)
	status, err := program.Run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "consul:", err)
		os.Exit(1)
	}
	os.Exit(status)
}
