"""What every page of the admin needs: who may, how it is rendered, where one is."""
