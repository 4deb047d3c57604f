package supervisor_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"weaver/app"
	"weaver/logs"
	"weaver/supervisor"
	"weaver/supervisor/nodeipc"
	"weaver/supervisor/spawn"
)

// shell is the spec of a shell script in dir. Specs are whole: absolute paths, and the environment that is meant.
func shell(dir, name, text string) app.Spec {
	script := filepath.Join(dir, name+".sh")
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		log.Fatal(err)
	}
	return app.Spec{
		Name: name, Script: script, Interpreter: "/bin/sh", Cwd: dir, Mode: app.Fork, Env: app.ParseEnviron(os.Environ()),
		OutFile: filepath.Join(dir, name+"-out.log"), ErrorFile: filepath.Join(dir, name+"-err.log"),
	}
}

// embedded is a supervisor in a program of one's own, without daemon, home or sockets. What it works with is handed in, and closed
// after it.
func embedded() (s *supervisor.Supervisor, dir string, end func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	spawner, err := spawn.New(spawn.Options{Marker: "EXAMPLE_SERVICE"})
	if err != nil {
		log.Fatal(err)
	}
	engine, err := logs.NewEngine(logs.Options{})
	if err != nil {
		log.Fatal(err)
	}
	channels, err := nodeipc.New()
	if err != nil {
		log.Fatal(err)
	}
	s = supervisor.New(supervisor.Options{Spawner: spawner, Logs: engine, IPC: channels, Identity: "example"})
	return s, dir, func() {
		if err := s.Shutdown(context.Background(), true, func(app.Progress) {}); err != nil {
			log.Print(err)
		}
		channels.Close()
		engine.Close()
		spawner.Close()
		os.RemoveAll(dir)
	}
}

func ExampleNew() {
	s, dir, end := embedded()
	defer end()
	ctx := context.Background()
	report := func(p app.Progress) {
		if p.Step == app.StepFailed {
			fmt.Println(p.Message)
		}
	}
	s.Start(ctx, []app.Spec{shell(dir, "ticker", "while :; do sleep 1; done\n")}, supervisor.StartOptions{}, report)
	for _, p := range s.List() {
		fmt.Println(p.ID, p.Name, p.Status, p.PID > 0)
	}
	s.Do(ctx, supervisor.Action{Verb: app.VerbStop, Targets: []app.Selector{"ticker"}}, report)
	for _, p := range s.List() {
		fmt.Println(p.ID, p.Name, p.Status, p.PID > 0)
	}
	s.Do(ctx, supervisor.Action{Verb: app.VerbDelete, Targets: []app.Selector{"nobody"}}, report)
	// Output:
	// 0 ticker online true
	// 0 ticker stopped false
	// Process or Namespace nobody not found
}

// Programs have a channel as Node's child_process.fork gives it, here one that is a shell script. What they send is among the
// events.
func ExampleSupervisor_Events() {
	s, dir, end := embedded()
	defer end()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	news := s.Events(ctx, 0)
	const text = `printf '{"type":"greeting","data":{"words":"good morning"}}\n' >&$NODE_CHANNEL_FD
while :; do sleep 1; done
`
	s.Start(ctx, []app.Spec{shell(dir, "talker", text)}, supervisor.StartOptions{}, func(app.Progress) {})
	for e := range news {
		if e.Kind == app.EventMessage {
			fmt.Println(e.Name, e.Topic, string(e.Data))
			break
		}
	}
	// Output:
	// talker greeting {"words":"good morning"}
}
