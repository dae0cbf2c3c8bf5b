//! What a plan shows of a template is what the run does, whether the template is new or not.

use std::fs;

use crate::world::World;

pub fn templates(world: &World) {
    let at = |name: &str| {
        world
            .lab
            .home
            .path()
            .join(name)
            .to_str()
            .unwrap()
            .to_owned()
    };
    let (dockerfile, plan) = (at("Dockerfile"), at("template.plan"));
    fs::write(&dockerfile, "FROM debian:12\n").unwrap();
    let in_cluster = "select count(*) from public.teams where cluster_id is not null";
    let linked = world.sql(in_cluster);
    assert_ne!(
        linked, "0",
        "the team is in a cluster, which builds no template"
    );
    let words = [
        "create-template.rhai",
        "--alias",
        "planned",
        "--dockerfile",
        &dockerfile,
    ];
    for (action, builds) in [("+ template", "1"), ("~ template", "2")] {
        let ran = world
            .lab
            .run(&[&words[..], &["--plan", "--out", &plan]].concat())
            .ended(0);
        for change in [
            action,
            "sql UPDATE public.teams SET cluster_id = NULL",
            "sql UPDATE public.teams SET cluster_id = $2::uuid",
            "sql UPDATE public.envs SET cluster_id = $2::uuid",
        ] {
            assert!(ran.stderr.contains(change), "{change}: {ran}");
        }
        world.lab.run(&["apply", &plan]).ended(0);
        assert_eq!(world.sql(in_cluster), linked);
        let ready = "select count(*) from public.env_builds b join public.env_aliases a on a.env_id = b.env_id \
                     where a.alias = 'planned' and b.status in ('uploaded', 'ready')";
        assert_eq!(world.sql(ready), builds);
    }
}
