package dosim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// snapshotVersion is raised when older snapshots can no longer be understood.
const snapshotVersion = 2

// snapshot is the simulator's state. Faults, calls and rates are not of it.
type snapshot struct {
	Version  int        `json:"version"`
	Clusters []*cluster `json:"clusters"`
}

// Snapshot returns the state in a form that Restore takes.
func (s *Sim) Snapshot() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.world.snapshot()
}

func (w *world) snapshot() ([]byte, error) {
	return json.Marshal(snapshot{Version: snapshotVersion, Clusters: w.clusters})
}

func (w *world) restore(content []byte) error {
	var state snapshot
	err := json.Unmarshal(content, &state)
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType), err == nil && state.Version != snapshotVersion:
		return errors.New("simulator's state: it was kept by another version of the program; begin again without it")
	case err != nil:
		return fmt.Errorf("simulator's state: %w", err)
	}
	w.clusters = state.Clusters
	return nil
}

// Restore replaces the state with that of a snapshot. It refuses the snapshots
// of the first versions of the simulator, which were lists of clusters.
func (s *Sim) Restore(content []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.world.restore(content)
}

// changed announces the state. The caller holds mu, so that announcements keep
// their order.
func (s *Sim) changed() {
	if s.cfg.OnChange == nil {
		return
	}
	if content, err := s.world.snapshot(); err == nil {
		s.cfg.OnChange(content)
	}
}

// Open makes a simulator whose state is kept in a file, which is made when it
// does not exist. Each change is in the file before it is answered; failed is
// called with the error when it cannot be.
func Open(cfg Config, path string, failed func(error)) (*Sim, error) {
	cfg.OnChange = func(content []byte) {
		if err := replaceFile(path, content); err != nil {
			failed(err)
		}
	}
	s := New(cfg)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if content, err = s.Snapshot(); err == nil {
			err = replaceFile(path, content)
		}
		return s, err
	}
	if err != nil {
		return nil, err
	}
	if err := s.Restore(content); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// replaceFile writes a file so that it is either the old one or the new one.
func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}
