// Package operation knows what each operation is that people ask for, in one
// file each: its form, its parameters, what it would do, what the decision on it
// rests on, the body of its call, and how its effect is recognised. It is pure:
// it asks neither DigitalOcean nor the database.
//
// The way of a form: Open fills it with what there is now, Read turns what was
// typed into parameters, Plan says what they would do, and Facts are kept with
// the request. Once it was approved, execute compares the Facts, sends the call
// and looks for the effect with EffectOf.
package operation

import (
	"slices"
	"time"

	"doksportal/internal/portal"
)

// definition is all that is particular to an operation. Its functions work on
// the draft or the request alone.
type definition struct {
	// fields are the names of the form's fields, but for those of pools and
	// settings and those that every form has.
	fields []string
	// open fills the form with what there is now; nil: it opens empty.
	open func(d *portal.Draft)
	// rewrite puts the parameters of a request into a form that was opened with
	// what there is now, so that reading it asks for the same again; nil: there
	// is nothing to choose.
	rewrite func(d *portal.Draft, p portal.Params)
	// read turns what was typed into parameters, as far as it makes sense, and
	// notes what does not.
	read func(d *portal.Draft, f *fieldErrors)
	// plan says what the parameters would do, and how usage would change.
	plan func(d *portal.Draft)
	// facts are what of a cluster the decision rests on; nil: it is about none,
	// or changes nothing.
	facts func(p portal.Params, c portal.Cluster) []portal.Fact
	// effect tells how far the effect is to be seen on a cluster that exists.
	// believed says that DigitalOcean accepted the call, or that something has
	// changed since; nil: no cluster shows it.
	effect func(r portal.Request, c portal.Cluster, believed bool) Effect
}

var definitions = map[portal.OperationID]definition{
	portal.CreateCluster:          createCluster,
	portal.UpdateCluster:          updateCluster,
	portal.UpgradeCluster:         upgradeCluster,
	portal.DeleteCluster:          deleteCluster,
	portal.DeleteClusterSelective: deleteCluster,
	portal.DeleteClusterDangerous: deleteCluster,
	portal.CreateNodePool:         createPool,
	portal.UpdateNodePool:         updatePool,
	portal.DeleteNodePool:         deletePool,
	portal.DeleteNode:             deleteNode,
	portal.RecycleNodePool:        recyclePool,
	portal.RunClusterlint:         runClusterlint,
	portal.GetKubeconfig:          getAccess,
	portal.GetCredentials:         getAccess,
	portal.AddRegistries:          changeRegistries,
	portal.RemoveRegistries:       changeRegistries,
	portal.AddRegistry:            changeRegistries,
	portal.RemoveRegistry:         changeRegistries,
	portal.RaiseQuota:             raiseQuota,
	portal.ExtendLease:            extendLease,
}

// Exists reports whether people can ask for an operation. The others change
// nothing, and pages show their answers.
func Exists(op portal.OperationID) bool {
	_, ok := definitions[op]
	return ok
}

// Fields are the names of all fields of the forms of operations, but for those of
// a new cluster's pools.
func Fields() []string {
	names := slices.Concat(PoolFields(), SettingFields())
	for _, def := range definitions {
		names = append(names, def.fields...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Open fills the draft's form with what there is now, and with what the request
// asks for that it plans again.
func Open(d *portal.Draft) {
	def := definitions[d.Operation]
	if def.open != nil {
		def.open(d)
	}
	r := d.Revises
	if r.ID == "" {
		return
	}
	if def.rewrite != nil {
		def.rewrite(d, r.Params)
	}
	d.Form.Set("operation", string(d.Operation))
	d.Form.Set("justification", r.Justification)
	if r.Plan.Verdict.TypedName {
		d.Form.Set("typed_name", r.TargetName) // as it was typed
	}
	if at := r.Params.NotBefore; at != nil {
		d.Form.Set("start_at", at.UTC().Format(minuteLayout))
		d.Form.Set("zone", "UTC")
	}
}

// Before returns the form that changes what there is, as it is now: what is not
// in it the operation does not change. It is nil for operations that change no
// settings.
func Before(d portal.Draft) portal.Form {
	if d.Cluster.ID == "" || d.Operation != portal.UpdateCluster && d.Operation != portal.UpdateNodePool {
		return nil
	}
	d.Form = portal.Form{}
	definitions[d.Operation].open(&d)
	return d.Form
}

// Read turns what was typed into the draft's parameters, as far as it makes
// sense, and notes what does not in its Errors.
func Read(d *portal.Draft, now time.Time) {
	var f fieldErrors
	definitions[d.Operation].read(d, &f)
	f.readSchedule(d, now)
	switch p := &d.Params; {
	case p.Raise != nil:
		f.readGrant(d, now)
	case p.Extend != nil:
		f.readExtension(d, now)
	case p.Create != nil && d.Form.Get("lasts") != "":
		p.Create.Lease = f.readLasting(d, now)
	}
	f.checkText("justification", "a reason", d.Form.Typed("justification"), maxJustification,
		d.Operation.Risk() != portal.RiskDiagnostic)
	d.Errors = f.FieldErrors
	d.Params.Target = Facts(d.Operation, d.Params, d.Targets())
	switch {
	case d.Params.Raise != nil:
		d.Params.Target = QuotaFacts(*d.Params.Raise, d.Team)
	case d.Params.Extend != nil:
		d.Params.Target = LeaseFacts(d.Cluster, d.Lease)
	}
}

// Plan says in the draft's Plan what its parameters would do, and in its Usage
// how the team's usage would change.
func Plan(d *portal.Draft) {
	d.Plan = portal.Plan{}
	definitions[d.Operation].plan(d)
	delete(d.Usage, portal.NodesOf("")) // a pool whose size is not chosen yet
}

// Facts are what of its clusters the decision on a request rests on. Those of
// a request on several clusters are told apart by the clusters' names.
func Facts(op portal.OperationID, p portal.Params, clusters []portal.Cluster) []portal.Fact {
	var list []portal.Fact
	if facts := definitions[op].facts; facts != nil {
		for _, c := range clusters {
			list = append(list, facts(p, c)...)
		}
	}
	return list
}
