//! `sql`: one question about the catalogue of a home, answered here or by a cluster.
//!
//! Tables: `docs/guide/cluster.md`. Invariant: nothing is written, neither data nor definitions.

use crate::error::{Error, query as failed};
use crate::session::{config, remote, state};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::MemorySchemaProvider;
use datafusion::common::TableReference;
use datafusion::error::Result as Answer;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::{LogicalPlanBuilder, col, lit};
use datafusion::prelude::{DataFrame, Expr, ParquetReadOptions, SessionContext};
use futures_util::StreamExt;
use std::path::PathBuf;
use std::sync::Arc;
use terroir_corpus::catalogue::{Catalogue, Kept};
use terroir_corpus::run::table_key;
use terroir_corpus::stage::chain;

/// The schema that tables of stages are in.
const ROWS: &str = "rows";

/// An answer.
pub struct Table {
    /// Its columns.
    pub schema: SchemaRef,
    /// Its first rows.
    pub batches: Vec<RecordBatch>,
    /// Whether there are more.
    pub more: bool,
}

/// A session that knows the tables of one version.
pub struct Session {
    context: SessionContext,
}

impl Session {
    /// A session that answers with `memory` bytes here, or where there is one on the cluster of the
    /// scheduler `cluster`, a host and port.
    pub fn new(memory: u64, cluster: Option<&str>) -> Result<Session, Error> {
        let state = match cluster {
            Some(address) => remote(address).map_err(failed)?,
            None => {
                let state = state(config()).map_err(failed)?;
                let memory = usize::try_from(memory).unwrap_or(usize::MAX);
                let runtime = RuntimeEnvBuilder::new().with_memory_limit(memory, 1.0);
                let runtime = runtime.build_arc().map_err(failed)?;
                SessionStateBuilder::new_from_existing(state).with_runtime_env(runtime).build()
            }
        };
        Ok(Session { context: SessionContext::new_with_state(state) })
    }

    /// Adds the table `versions`.
    pub fn add_versions(&self, catalogue: &Catalogue) -> Result<(), Error> {
        let tags = catalogue.tags()?;
        let mut rows = Vec::new();
        for id in catalogue.versions()? {
            let kept = catalogue.open(&id)?;
            let version = &kept.version;
            let names = tags.iter().filter(|(_, tagged)| *tagged == id);
            let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
            let parents: Vec<String> = version.parents.iter().map(ToString::to_string).collect();
            rows.push(vec![
                lit(id.to_string()),
                lit(version.name.clone()),
                lit(version.root().to_string()),
                lit(names.join(" ")),
                lit(parents.join(" ")),
                lit(version.records.leaves),
                lit(version.kept),
                lit(version.bytes_in),
                lit(version.bytes_kept),
            ]);
        }
        // Values of the plan itself: unlike a table in memory, they can be sent.
        if rows.is_empty() {
            return Ok(());
        }
        let names = [
            "version",
            "name",
            "root",
            "tags",
            "parents",
            "records",
            "kept",
            "bytes",
            "bytes_kept",
        ];
        let named = names
            .iter()
            .enumerate()
            .map(|(at, name)| -> Expr { col(format!("column{}", at + 1)).alias(*name) });
        let plan = LogicalPlanBuilder::values(rows).and_then(|plan| plan.project(named));
        let plan = plan.and_then(LogicalPlanBuilder::build).map_err(failed)?;
        let view = DataFrame::new(self.context.state(), plan).into_view();
        self.context.register_table("versions", view).map(|_| ()).map_err(failed)
    }

    /// Adds the tables of a version: `records`, `verdicts`, and `rows.STAGE` for each stage.
    ///
    /// Errors: `Query`; those of the stages of its recipe.
    pub async fn add(&self, catalogue: &Catalogue, kept: &Kept) -> Result<(), Error> {
        let verdicts = catalogue.version(&kept.id).join("verdicts");
        let shards = kept.shards.iter();
        self.table("records".into(), shards.clone().map(|name| catalogue.shard(name))).await?;
        let files = shards.clone().map(|name| verdicts.join(format!("{name}.parquet")));
        self.table("verdicts".into(), files).await?;
        let state = self.context.state();
        let names = state.config_options().catalog.default_catalog.clone();
        let place = self.context.catalog(&names).expect("a session has a catalogue");
        place.register_schema(ROWS, Arc::new(MemorySchemaProvider::new())).map_err(failed)?;
        for stage in chain(&kept.recipe)? {
            let key = table_key(&stage, &kept.version.records);
            let files = shards.clone().map(|name| catalogue.rows(&key, name));
            self.table(TableReference::partial(ROWS, stage.name.as_str()), files).await?;
        }
        Ok(())
    }

    async fn table(
        &self,
        name: TableReference,
        files: impl Iterator<Item = PathBuf>,
    ) -> Result<(), Error> {
        let files: Vec<String> = files
            .map(|path| std::path::absolute(&path).map(|path| path.display().to_string()))
            .collect::<Result<_, _>>()
            .map_err(crate::error::machine("no folder"))?;
        let made = async {
            let read = self.context.read_parquet(files, ParquetReadOptions::default()).await?;
            self.context.register_table(name.clone(), read.into_view())
        };
        made.await.map(|_| ()).map_err(|error| Error::Query(format!("table {name}: {error}")))
    }

    /// Answers `query` with at most `rows` rows.
    ///
    /// Errors: `Query`, also for a query that would change something.
    pub async fn ask(&self, query: &str, rows: usize) -> Result<Table, Error> {
        self.answer(query, rows).await.map_err(failed)
    }

    async fn answer(&self, query: &str, rows: usize) -> Answer<Table> {
        let only_look = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        let frame = self.context.sql_with_options(query, only_look).await?;
        let mut stream = frame.execute_stream().await?;
        let (schema, mut batches, mut left) = (stream.schema(), Vec::new(), rows);
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            if batch.num_rows() > left {
                batches.push(batch.slice(0, left));
                return Ok(Table { schema, batches, more: true });
            }
            left -= batch.num_rows();
            batches.push(batch);
        }
        Ok(Table { schema, batches, more: false })
    }
}
